"""`rttp uri`."""
import typer
app = typer.Typer()
@app.command()
def uri(text: str) -> None:
    """Check."""
    print(text)
