package conformance

import "slices"

// rows is the whole table.
func rows() []row {
	return slices.Concat(ghReads(), ghWrites(), gitRows(), lfsRows(), curlRows(), wgetRows(), libraryRows())
}
