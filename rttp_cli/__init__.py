"""Toolkit and traffic generator for RTTP, a real-time transfer protocol for distributed AI."""
