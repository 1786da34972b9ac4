"""What training and inference share: components from a plan, device, loading, model input, weights, run folders."""
