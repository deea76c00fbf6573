"""What the coordinator and the stages both speak: the model, the names, the contract and the adapters."""
