"""One-line pipelines: `pipeline_of("console-reader ! upper ! console").run()`.

Law: a line is checked whole before anything of it is imported.
"""

from kamesh.components.oneline.pipeline import (
    PipelineMistake,
    Step,
    parse_pipeline,
    pipeline_of,
)

__all__ = ["PipelineMistake", "Step", "parse_pipeline", "pipeline_of"]
