package installation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/google/go-github/v88/github"
)

// A Narrowing is what a token is limited to. The zero one limits nothing. A list that is
// there but empty would limit to nothing, which GitHub takes for no limit: it is refused.
type Narrowing struct {
	Repositories []string          // names without their owner, 500 at most; nil for all of the installation
	Permissions  map[string]string // level by name, as in contents: read; nil for all of the installation
}

// maxRepositories is how many GitHub lets a token be limited to (GitHub's documentation,
// "Create an installation access token for an app").
const maxRepositories = 500

// options is what the library sends. It is never nil, which would be sent as null.
func (n Narrowing) options() (*github.InstallationTokenOptions, error) {
	out := &github.InstallationTokenOptions{Repositories: n.Repositories}
	switch {
	case n.Repositories != nil && len(n.Repositories) == 0:
		return nil, errors.New("a token cannot be limited to no repositories")
	case len(n.Repositories) > maxRepositories:
		return nil, fmt.Errorf("a token can be limited to %d repositories, not to %d", maxRepositories, len(n.Repositories))
	case n.Permissions != nil && len(n.Permissions) == 0:
		return nil, errors.New("a token cannot be limited to no permissions")
	}
	for _, name := range n.Repositories {
		if name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("a repository is named without its owner here, not %q", name)
		}
	}
	if n.Permissions == nil {
		return out, nil
	}
	if err := CheckPermissions(n.Permissions); err != nil {
		return nil, err
	}
	// By way of JSON, since the library has a field for each permission.
	text, err := json.Marshal(n.Permissions)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(text, &out.Permissions)
}

// levels are those of GitHub's permissions, though few have all three.
func levels() []string { return []string{"read", "write", "admin"} }

// CheckPermissions says what is wrong with the names and levels of permissions, and what
// a mistyped name was likely meant to be. Which levels a permission has, and whether an
// installation was granted it, only GitHub knows.
func CheckPermissions(permissions map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(permissions)) {
		known := permissionNames()
		if !slices.Contains(known, name) {
			if meant := nearest(name, known); meant != "" {
				return fmt.Errorf("GitHub Apps have no permission %q; is %s meant?", name, meant)
			}
			return fmt.Errorf("GitHub Apps have no permission %q", name)
		}
		if level := permissions[name]; !slices.Contains(levels(), level) {
			return fmt.Errorf("permission %s is given as read, write or admin, not %q", name, level)
		}
	}
	return nil
}

// permissionNames are all that the library knows, by its JSON.
func permissionNames() []string {
	var out []string
	for f := range reflect.TypeFor[github.InstallationPermissions]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

// nearest is the known name with the fewest letters to change, where those are few, and
// else "". GitHub's web pages write names with spaces, and some with hyphens.
func nearest(name string, known []string) string {
	name = strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(name))
	best, distance := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	return best
}
