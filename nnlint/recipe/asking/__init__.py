"""Questions that detectors of evidence share: what is asserted, shown, repeated in rounds."""
