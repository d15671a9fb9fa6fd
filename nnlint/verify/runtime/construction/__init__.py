"""From a name to a model with inputs that it runs on."""
