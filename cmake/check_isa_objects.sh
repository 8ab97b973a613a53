#!/bin/sh
# check_isa_objects.sh OBJECT…
# Fails when an object compiled for one instruction set defines a weak symbol (an inline function, a
# template): the linker keeps one copy of those, and the copy it keeps may be the one whose
# instructions this processor lacks. Fix: make the function static or put it into the namespace that
# carries the name of the instruction set and declare it `static`. (A sanitizer's pointer to the
# exception personality is data, the same whichever copy is kept.)
status=0
for object in "$@"; do
  weak=$(nm -C --defined-only "$object" | awk '$2 ~ /^[WVu]$/ && !/DW\.ref\.__gxx_personality/ { $1 = ""; $2 = ""; print }')
  if [ -n "$weak" ]; then
    echo "$object defines symbols that the linker may share with other files:"
    echo "$weak"
    status=1
  fi
done
exit $status
