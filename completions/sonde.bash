# SPDX-License-Identifier: Apache-2.0
# Completion of sonde for bash. The program itself knows what may stand next: `sonde complete WORD…`.

_sonde()
{
	local word help
	COMPREPLY=()
	while IFS=$'\t' read -r word help; do
		case $word in
		:files)
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$2") ;;
		:directories)
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$2") ;;
		*)
			printf -v word %q "$word"   # a value may hold blanks
			COMPREPLY+=("$word") ;;
		esac
	done < <("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _sonde sonde
