"""AMI version tracker: see services/README.md for the flow and for where a new thing goes."""
