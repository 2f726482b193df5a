//go:build !linux

package store

func dropMapped(func(name string) bool) error { return nil }
