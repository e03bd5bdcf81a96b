"""What is kept: values and ports shared by the services and the adapters."""
