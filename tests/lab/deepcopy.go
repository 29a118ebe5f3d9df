package main

import "reflect"

// deepCopy copies a vim value and everything below it. What property collectors have been told
// is encoded later and without a lock, so the lab replaces values and never edits them in place.
func deepCopy(src interface{}) interface{} {
	if src == nil {
		return nil
	}
	return copyValue(reflect.ValueOf(src)).Interface()
}

func copyValue(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Ptr:
		if v.IsNil() {
			return v
		}
		dst := reflect.New(v.Type().Elem())
		dst.Elem().Set(copyValue(v.Elem()))
		return dst
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		dst := reflect.New(v.Type()).Elem()
		dst.Set(copyValue(v.Elem()))
		return dst
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		dst := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := 0; i < v.Len(); i++ {
			dst.Index(i).Set(copyValue(v.Index(i)))
		}
		return dst
	case reflect.Struct:
		dst := reflect.New(v.Type()).Elem()
		dst.Set(v) // unexported fields (time.Time) as they are
		for i := 0; i < v.NumField(); i++ {
			if dst.Field(i).CanSet() {
				dst.Field(i).Set(copyValue(v.Field(i)))
			}
		}
		return dst
	}
	return v
}

// propertyOf walks a path such as "config.hardware.device" from a managed object; nil where unset.
func propertyOf(obj interface{}, path []string) interface{} {
	v := reflect.ValueOf(obj)
	for _, name := range path {
		for v.Kind() == reflect.Ptr || v.Kind() == reflect.Interface {
			if v.IsNil() {
				return nil
			}
			v = v.Elem()
		}
		v = v.FieldByName(string(name[0]-'a'+'A') + name[1:])
		if !v.IsValid() {
			return nil
		}
	}
	if v.Kind() == reflect.Ptr {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	return v.Interface()
}

// merge copies the set fields of src over those of dst, both pointers to the same struct type:
// in a specification an unset field leaves the property as it is.
func merge(dst, src interface{}) {
	mergeValue(reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem())
}

func mergeValue(dst, src reflect.Value) {
	for i := 0; i < src.NumField(); i++ {
		s, d := src.Field(i), dst.Field(i)
		if !d.CanSet() {
			continue
		}
		switch {
		case s.Kind() == reflect.Struct && s.Type().Name() != "Time":
			mergeValue(d, s)
		case !s.IsZero():
			d.Set(copyValue(s))
		}
	}
}
