//go:build !unix

package launch

import "os"

// caught are the signals that are passed on to a program. Windows has the one, and sends
// it to every process of a console itself.
func caught() []os.Signal { return []os.Signal{os.Interrupt} }

func fromTerminal(os.Signal) bool { return true }

func hasTerminal() bool { return true }
