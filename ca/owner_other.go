//go:build !unix

package ca

import "io/fs"

// tooOpen are the permissions that a key given to octopool must not have.
func tooOpen(fs.FileInfo) fs.FileMode { return 0o077 }
