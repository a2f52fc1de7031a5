"""What runs beside vLLM on its machine: files that need nothing but Python and themselves."""
