"""From bytes to pixels: decoding, the canvas, face tables, record files, tars and packed faces."""
