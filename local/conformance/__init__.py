"""Proof that a stage image keeps docs/stage-contract.md, on a real etcd, S3 server, git server and Docker engine."""
