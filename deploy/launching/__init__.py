"""Node processes of one host: started, told what to be, watched, ended; and the runs they belong to."""
