"""The interface for programs, below ``/api/v1``; ``openapi.json`` describes it."""
