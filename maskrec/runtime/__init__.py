"""What training and inference share: components from a plan, the device, loading, model input, weight files, run folders."""
