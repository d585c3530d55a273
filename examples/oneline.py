"""One line: what `kamesh run "..."` takes at the command line, in a program."""

from kamesh.components.oneline import PipelineMistake, pipeline_of

pipeline_of("console-reader ! grep '^[aeiou]' ! strip ! upper ! head 3 ! console").run()
try:
    pipeline_of("console-reader ! uper ! console")
except PipelineMistake as mistake:
    print(str(mistake).partition(";")[0])
