from sinfonietta.interfaces.cli.main import main

main()
