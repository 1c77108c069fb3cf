# SPDX-License-Identifier: Apache-2.0
# Completion of sonde for bash. The program itself knows what may stand next: `sonde complete WORD…`.

_sonde()
{
	local word help
	COMPREPLY=()
	while IFS=$'\t' read -r word help; do
		case $word in
		:files)       compopt -o default 2>/dev/null ;;
		:directories) compopt -o dirnames 2>/dev/null ;;
		*)
			printf -v word %q "$word"   # a value may hold blanks
			COMPREPLY+=("$word") ;;
		esac
	done < <("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _sonde sonde
