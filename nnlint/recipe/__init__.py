"""Where a project stands in "A Recipe for Training Neural Networks", with the evidence for it."""
