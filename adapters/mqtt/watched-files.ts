/**
 * Calls back when one of some small files has other bytes than before. The folders are watched, not the files: editors,
 * certbot and Kubernetes replace a file (or a link to it) instead of writing into it. A slow poll helps where the operating
 * system tells nothing (network file systems).
 */
import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'

export type FilesWatch = { stop: () => void }

const settleMs = 200 // Certificate and key are replaced one after the other.
const pollMs = 30_000

export const watchFiles = (paths: readonly string[], onChange: () => void): FilesWatch => {
  let known = digestOf(paths)
  let settling: NodeJS.Timeout | undefined
  const look = (): void => {
    const now = digestOf(paths)
    if (now === known) return
    known = now
    onChange()
  }
  const soon = (): void => {
    clearTimeout(settling)
    settling = setTimeout(look, settleMs)
  }
  const watchers = [...new Set(paths.map((path) => dirname(path)))].flatMap((folder) => tryWatch(folder, soon))
  const poll = setInterval(look, pollMs).unref()
  return {
    stop: () => {
      clearTimeout(settling)
      clearInterval(poll)
      for (const watcher of watchers) watcher.close()
    },
  }
}

const tryWatch = (folder: string, onEvent: () => void): FSWatcher[] => {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent)
    watcher.on('error', () => watcher.close()) // The poll goes on.
    return [watcher]
  } catch {
    return []
  }
}

const digestOf = (paths: readonly string[]): string => {
  const hash = createHash('sha256')
  for (const path of paths) {
    try {
      hash.update(readFileSync(path))
    } catch {
      hash.update('missing')
    }
    hash.update('\0')
  }
  return hash.digest('base64')
}
