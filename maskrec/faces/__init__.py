"""What a face is here: landmarks, geometry, draws, masks, synthetic faces (torch and numpy only)."""
