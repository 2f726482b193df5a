package mitm_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No test leaves a connection, a tunnel or a server behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
