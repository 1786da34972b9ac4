"""What a model decides with: thresholds, error rates, mask probe; measured, stored, and applied to a pair."""
