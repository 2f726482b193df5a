package config

import (
	"fmt"
	"time"

	"octopool/mitm/mint"
	"octopool/policy/minted"
)

// Mint is what holds for tokens that are a part of a client's.
type Mint struct {
	Enabled bool     `toml:"enabled"`
	MaxTTL  Duration `toml:"max_ttl"`
	Keys    []string `toml:"keys"` // references; the first signs, all verify; none is to make one in the data folder
}

func (s *settler) mint(m Mint) mint.Settings {
	out := mint.Settings{Off: !m.Enabled, MaxTTL: time.Duration(m.MaxTTL)}
	if out.MaxTTL < time.Second || out.MaxTTL > mint.Longest {
		s.wrong("mint.max_ttl", "%v: want from 1s to %v, or set mint.enabled = false", out.MaxTTL, mint.Longest)
	}
	for i, reference := range m.Keys {
		place := fmt.Sprintf("mint.keys[%d]", i)
		secret := s.secret(place, reference)
		if secret.IsZero() {
			continue // which has been told
		}
		key, err := minted.NewKey(secret)
		if err != nil {
			s.wrong(place, "%v", err)
		}
		out.Keys = append(out.Keys, key)
	}
	return out
}
