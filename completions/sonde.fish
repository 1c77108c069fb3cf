# SPDX-License-Identifier: Apache-2.0
# Completion of sonde for fish. The program itself knows what may stand next: `sonde complete WORD…`.

function __sonde_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in ($words[1] complete $words[2..-1] "$word" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path $word
            case :directories
                __fish_complete_directories $word
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c sonde -f -a '(__sonde_complete)'
