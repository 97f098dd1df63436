/** Requests of `http-inputs.ts` over raw sockets. Any answer of 500 and above is a finding, and so is none to a whole request. */
import { connect as connectSocket } from 'node:net'
import { bytesOf, createCounts, Finding, gone, type Target, textOf } from './fuzz-target.ts'
import { authorization, httpRequest, type OpenApi, routesOf } from './http-inputs.ts'
import type { Program } from './program.ts'

const answerWithinMs = 60_000
/** Raw bytes may be half a request, to which no answer is due. */
const rawWithinMs = 150
const answerBytesKept = 2_000

export const httpTarget = async (program: Program): Promise<Target> => {
  const { add, counts } = createCounts()
  const { http, warehouse, websocket } = program.recorder.ports
  const ports: Record<string, number> = { api: http, warehouse, websocket }
  const document = await fetch(`http://127.0.0.1:${http}/api/openapi.json`)
  const routes = routesOf((await document.json()) as OpenApi)
  return {
    name: 'http',
    inputsAtOnce: 12,
    inputOf: (random) => httpRequest(random, routes),
    prepare: program.ensureRunning,
    settle: program.checkHealth,
    check: async ([label, ...writes]) => {
      const what = textOf(label)
      const port = ports[what.split(' ', 1)[0] ?? '']
      if (port === undefined) return // The minimiser has cut the label.
      const isRaw = what.endsWith(' raw')
      const answer = await ask(
        port,
        writes.map((bytes) => withToken(bytes, program.recorder.adminToken)),
        isRaw ? rawWithinMs : answerWithinMs,
      )
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer.text)?.[1] ?? 0)
      add(status === 0 ? 'no status' : `status ${status}`)
      if (status >= 500 && !/x-clickhouse-exception-code/i.test(answer.text))
        throw new Finding(`status ${status} of ${what}`, `${answer.text.split('\r\n\r\n')[1] ?? ''}\n${lastError(program)}`)
      if (status === 0 && !isRaw && !answer.closed) throw new Finding(`no answer to ${what}`, `within ${answerWithinMs} ms`)
    },
    counts,
  }
}

const withToken = (bytes: Uint8Array, token: string): Uint8Array => {
  const text = Buffer.from(bytes).toString('latin1')
  return text.includes(authorization) ? bytesOf(text.replaceAll(authorization, token)) : bytes
}

const ask = (port: number, writes: readonly Uint8Array[], withinMs: number): Promise<{ text: string; closed: boolean }> =>
  new Promise((resolve, reject) => {
    let text = ''
    const socket = connectSocket({ port, host: '127.0.0.1', noDelay: true })
    const done = (closed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, closed })
    }
    const timer = setTimeout(() => done(false), withinMs)
    let connected = false
    socket.on('connect', () => {
      connected = true
      for (const bytes of writes) socket.write(bytes)
    })
    socket.on('data', (bytes) => {
      if (text.length < answerBytesKept) text += bytes.toString('latin1')
    })
    socket.on('close', () => done(true))
    socket.on('error', (error) => {
      if (connected) return
      clearTimeout(timer)
      reject(new Finding(gone, error.message))
    })
  })

/** What the program said of it. */
const lastError = (program: Program): string =>
  program.recorder
    .output()
    .split('\n')
    .findLast((line) => line.includes('a request failed'))
    ?.slice(0, 1_200) ?? ''
