/** Deletes a folder that a killed program may still hold. */
import { existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs'

/** The killed program's engine ends by itself; until then its files come back. */
export const isGone = async (folder: string): Promise<boolean> => {
  rmSync(folder, { recursive: true, force: true })
  const holders = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && openFiles(pid).some((path) => path.startsWith(`${folder}/`)))
  return holders.length === 0 && !existsSync(folder)
}

const openFiles = (pid: string): string[] => {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return ''
      }
    })
  } catch {
    return [] // Ended, or of another user.
  }
}
