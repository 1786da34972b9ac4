"""Faces: landmarks, geometry, masks, synthetic faces (torch and numpy only)."""
