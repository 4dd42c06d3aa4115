#!/bin/sh
# Behaviours of programs that know nothing of a ledger but what they are told: behaviours.sh NAME [ARGUMENT…]
set -eu
name=$1
shift
case $name in
  nothing) ;;
  repeats) cp "$TASKLEDGER_INPUT_FILE" "$TASKLEDGER_OUTPUT_FILE" ;;
  tells)
    printf '{"argument":"%s","task":"%s %s","attempt":"%s %s %s","cwd":"%s","input":"%s","checkpoint":%s}' "$1" \
      "$TASKLEDGER_TASK_ID" "$TASKLEDGER_TASK_NAME" "$TASKLEDGER_ATTEMPT" "$TASKLEDGER_LEASE" "$TASKLEDGER_RUN_AT" \
      "$PWD" "$TASKLEDGER_INPUT_FILE" "$(cat "$TASKLEDGER_CHECKPOINT_FILE")" >"$TASKLEDGER_OUTPUT_FILE" ;;
  exits)
    echo 'all is well'
    echo 'no such account' >&2
    exit "$1" ;;
  dies) kill -KILL $$ ;;
  writes) printf '%s' "$1" >"$TASKLEDGER_OUTPUT_FILE" ;;
  floods) head -c 2000000 /dev/zero | tr '\0' 7 >"$TASKLEDGER_OUTPUT_FILE" ;;
  links) ln -s "$1" "$TASKLEDGER_OUTPUT_FILE" ;;
  pipes) mkfifo "$TASKLEDGER_OUTPUT_FILE" ;;
  saves)
    echo '{"fraction":0.5,"message":"half"}' >&3
    echo '{"checkpoint":{"page":7}}' >&3
    read -r answer <&3
    printf '%s' "$answer" >"$TASKLEDGER_OUTPUT_FILE" ;;
  gives-up)
    echo '{"retry":"'"$1"'"}' >&3
    exit 1 ;;
  babbles)
    echo "$1" >&3
    exec sleep 1000 ;;
  obeys)
    trap 'printf 1 >"$TASKLEDGER_OUTPUT_FILE"; exit 0' TERM
    echo '{"message":"began"}' >&3
    while :; do sleep 0.1; done ;;
  ignores)
    trap '' TERM
    echo '{"message":"began"}' >&3
    while :; do sleep 1000; done ;;
  leaves)
    setsid sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
    printf '%s' "$!" >"$TASKLEDGER_OUTPUT_FILE" ;;
esac
