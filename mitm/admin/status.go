package admin

import "time"

// Status is a running octopool at one moment: what GET /api/status answers, as JSON. No
// key is ever left out; what there is none of is null, {}, [] or "". Names and meanings
// stay from version to version, and keys may be added. It holds no secret.
type Status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"` // by octopool's clock, as all times here

	Configuration Configuration `json:"configuration"`

	Pools   []Pool   `json:"pools"`   // by GitHub and name
	Clients []Client `json:"clients"` // by name; those that have asked, or have an allowance
	Store   Store    `json:"store"`
	Formula Formula  `json:"formula"`
	Tunnels Tunnels  `json:"tunnels"`
}

// A Pool is credentials that may stand in for one another.
type Pool struct {
	GitHub      string       `json:"github"` // the host
	Name        string       `json:"name"`
	Ready       bool         `json:"ready"`       // whether any of its credentials can serve
	Credentials []Credential `json:"credentials"` // by name
}

// A Credential is one that octopool presents to GitHub, or an App of which no
// installation is known. Budgets are its principal's; of credentials with one principal
// only the first by name has them, so that whoever adds them up counts none twice.
type Credential struct {
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`      // pat or installation
	Owner     string            `json:"owner"`     // the account an installation is on
	Principal string            `json:"principal"` // "user octocat", "installation 42 of acme"; "" while it is not known
	Up        bool              `json:"up"`
	Reason    string            `json:"reason"` // why it is not up
	Retry     *time.Time        `json:"retry"`  // when that may have passed; null when it is up
	InFlight  int               `json:"in_flight"`
	Budgets   map[string]Budget `json:"budgets"` // by resource, those that GitHub has told of
}

// A Budget is what may be spent until its reset: of GitHub's points, or of what octopool
// itself allows a client in an hour.
type Budget struct {
	Limit     int       `json:"limit"`
	Used      int       `json:"used"`
	Remaining int       `json:"remaining"`
	Reset     time.Time `json:"reset"`
}

// A Client is who asks, and what that came to since octopool started. Client "-" is
// nobody: requests whose token is not registered.
type Client struct {
	Name        string            `json:"name"`
	Allowance   *Budget           `json:"allowance"`    // null without one
	InFlight    int               `json:"in_flight"`    // requests on their way to GitHub
	Waiting     int               `json:"waiting"`      // requests that wait for a place within a limit
	Requests    map[string]uint64 `json:"requests"`     // by outcome
	PointsSpent map[string]uint64 `json:"points_spent"` // by resource
	PointsSaved map[string]uint64 `json:"points_saved"`
	Refused     map[string]uint64 `json:"refused"`      // by reason
	WouldRefuse map[string]uint64 `json:"would_refuse"` // the same, of what was let through since scopes are reported only
}

// Store is what is kept of GitHub's answers. Errors and evictions count since start.
type Store struct {
	Entries   uint64 `json:"entries"`
	Bytes     uint64 `json:"bytes"`
	Errors    uint64 `json:"errors"`
	Evictions uint64 `json:"evictions"`
}

// Formula counts how many ETags were the ones that octopool had computed.
type Formula struct {
	Match    uint64 `json:"match"`
	Mismatch uint64 `json:"mismatch"`
}

// Tunnels are connections that octopool passes on unread. Sent is to the host.
type Tunnels struct {
	Active        int64  `json:"active"`
	SentBytes     uint64 `json:"sent_bytes"`
	ReceivedBytes uint64 `json:"received_bytes"`
}
