"""What Wakeful starts inside an environment: the runtime clients of the managed runtimes, one folder each."""
