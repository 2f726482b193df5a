package config

import "octopool/mitm"

// ClientLimits bound what whoever reaches the proxy listener can take. 0 is no limit.
type ClientLimits struct {
	Connections           int `toml:"connections"`
	ConnectionsPerAddress int `toml:"connections_per_address"`
	ConnectsPerMinute     int `toml:"connects_per_minute"`
	RequestsPerConnection int `toml:"requests_per_connection"`
	Documents             int `toml:"documents"`
}

// defaultLimits are far from what 2,000 runners do, be it behind one address.
var defaultLimits = ClientLimits{
	Connections: 32768, ConnectionsPerAddress: 16384, ConnectsPerMinute: 60000, RequestsPerConnection: 10000, Documents: 1024,
}

// clientLimits are those of the proxy listener.
func (s *settler) clientLimits(l ClientLimits) mitm.Limits {
	for key, n := range map[string]int{
		"connections": l.Connections, "connections_per_address": l.ConnectionsPerAddress, "connects_per_minute": l.ConnectsPerMinute,
		"requests_per_connection": l.RequestsPerConnection, "documents": l.Documents,
	} {
		if n < 0 {
			s.wrong("limits."+key, "want a number from 0, which is no limit")
		}
	}
	return mitm.Limits(l)
}
