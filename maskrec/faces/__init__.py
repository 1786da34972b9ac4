"""Faces: landmarks, geometry, random draws, masks, synthetic faces (torch and numpy only)."""
