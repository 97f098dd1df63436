/** One question to a program of ours in a process of its own: an order goes in, one report comes out, then it ends. */
import { type ChildProcess, spawn } from 'node:child_process'

export type ChildQuestion = {
  /** File of the program. */
  script: string
  /** Structured-cloneable; the program gets it as its first message. */
  order: object
  env: Record<string, string>
  heapMb: number
  /** Then it is killed. */
  withinMs: number
  onStarted: (kill: () => void) => void
}

const wordsMax = 2_000

/** The report, once the process is gone. Rejects with what it said last when it ended without one. */
export const askChild = <Report>({ script, order, env, heapMb, withinMs, onStarted }: ChildQuestion): Promise<Report> =>
  new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(process.execPath, [`--max-old-space-size=${heapMb}`, script], {
      env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    onStarted(() => child.kill('SIGKILL'))
    let words = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      words = (words + bytes.toString('utf8')).slice(-wordsMax)
    })
    let report: Report | undefined
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs)
    child.on('message', (message) => {
      report = message as Report
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (report !== undefined) resolve(report)
      else reject(new Error(`the process ended (${signal ?? `code ${code ?? 0}`}) ${words.trim()}`))
    })
    child.send(order)
  })
