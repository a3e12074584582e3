"""The only package that knows httpx2: one call out, one answer or a translated error back."""
