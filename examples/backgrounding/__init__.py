"""The backgrounding laboratory: watch what the plugin makes of a player who leaves."""
