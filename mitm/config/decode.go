package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
)

// decode reads a tree into a file that starts with the defaults, strictly: a key that
// means nothing and a value of the wrong type are problems. A library's decoder would
// stop at the first; whoever mends a file wants to hear of all.
func decode(tree map[string]any) (File, []Problem) {
	f := Default()
	var d decoder
	d.table("", tree, reflect.ValueOf(&f).Elem())
	return f, d.problems
}

// A decoder collects what is wrong.
type decoder struct{ problems []Problem }

func (d *decoder) wrong(key, format string, args ...any) {
	d.problems = append(d.problems, Problem{key, fmt.Sprintf(format, args...)})
}

// table reads the keys of a table, whose name ends in a dot or is "".
func (d *decoder) table(name string, tree map[string]any, into reflect.Value) {
	for _, k := range slices.Sorted(maps.Keys(tree)) {
		field := into.FieldByNameFunc(func(field string) bool {
			f, _ := into.Type().FieldByName(field)
			return f.Tag.Get("toml") == k
		})
		if !field.IsValid() {
			d.unknown(name + k)
			continue
		}
		d.value(name+k, tree[k], field)
	}
}

var number = regexp.MustCompile(`\[\d+\]`)

func (d *decoder) unknown(key string) {
	if meant := nearest(number.ReplaceAllString(key, "")); meant != "" {
		d.wrong(key, "unknown key; did you mean %s?", meant)
		return
	}
	d.wrong(key, "unknown key")
}

// value reads one value. Its messages do not repeat the value: it may be a secret in
// the wrong place.
func (d *decoder) value(key string, value any, into reflect.Value) {
	if special, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		text, ok := value.(string)
		if !ok {
			d.wrong(key, "want text in quotes")
		} else if err := special.UnmarshalText([]byte(text)); err != nil {
			d.wrong(key, "%v", err)
		}
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		if tree, ok := value.(map[string]any); ok {
			d.table(key+".", tree, into)
		} else {
			d.wrong(key, "want one table")
		}
	case reflect.Map:
		d.words(key, value, into)
	case reflect.Slice:
		d.list(key, reflect.ValueOf(value), into)
	case reflect.Pointer:
		known := len(d.problems)
		read := reflect.New(into.Type().Elem())
		if d.value(key, value, read.Elem()); len(d.problems) == known {
			into.Set(read)
		}
	case reflect.String:
		if text, ok := value.(string); ok {
			into.SetString(text)
		} else {
			d.wrong(key, "want text in quotes")
		}
	case reflect.Bool:
		if b, ok := value.(bool); ok {
			into.SetBool(b)
		} else {
			d.wrong(key, "want true or false")
		}
	case reflect.Int, reflect.Int64:
		if n, ok := value.(int64); ok {
			into.SetInt(n)
		} else {
			d.wrong(key, "want a whole number")
		}
	default:
		panic("config: a key of kind " + into.Kind().String())
	}
}

// words reads a table whose keys are the user's, with text for each.
func (d *decoder) words(key string, value any, into reflect.Value) {
	tree, ok := value.(map[string]any)
	if !ok {
		d.wrong(key, "want one table, in { }")
		return
	}
	words := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(tree)) {
		if text, ok := tree[k].(string); ok {
			words[k] = text
		} else {
			d.wrong(key+"."+k, "want text in quotes")
		}
	}
	into.Set(reflect.ValueOf(words))
}

// list reads a list, and replaces what was assumed without it.
func (d *decoder) list(key string, values, into reflect.Value) {
	if values.Kind() != reflect.Slice {
		want := "want a list, in [ ]"
		if into.Type().Elem().Kind() == reflect.Struct {
			want = fmt.Sprintf("want [[%s]] with two brackets: there may be several", key)
		}
		d.wrong(key, "%s", want)
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), values.Len(), values.Len()))
	for i := range values.Len() {
		d.value(fmt.Sprintf("%s[%d]", key, i), values.Index(i).Interface(), into.Index(i))
	}
}
