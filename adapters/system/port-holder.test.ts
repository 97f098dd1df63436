import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { listeningInodes, portHolder } from './port-holder.ts'

it('names the program that listens, and nobody for a free port', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  expect(portHolder(port)).toContain(`(pid ${process.pid})`)
  await new Promise((resolve) => server.close(resolve))
  expect(portHolder(port)).toBeNull()
})

it('reads listening sockets of that port only', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1111 1
   1: 0100007F:075B 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2222 1
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3333 1`
  expect(listeningInodes(table, 1883)).toEqual(['1111'])
})
