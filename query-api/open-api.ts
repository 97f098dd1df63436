/** What OpenAPI says besides the routes themselves. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

export const openApi: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Fleet Recorder',
      version: '1',
      description:
        'Reads the black boxes of a fleet. Times in and out are RFC 3339 with a zone. Lists are `{items, nextCursor}`. ' +
        'Errors are RFC 9457 problems with a stable `code`. `completeThrough` says up to which arrival an answer is complete. ' +
        'Null means that there is no value; a gap is never a zero.',
    },
    servers: [{ url: '/', description: 'this recorder' }],
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'The admin token that the first start prints.' } },
    },
    security: [{ token: [] }],
    tags: [
      { name: 'devices', description: 'Devices, their state at any moment, their series and histories' },
      { name: 'alarms', description: 'Alarms with their reasons, what people do about them, and the rules' },
      { name: 'maintenance', description: 'Times in which alarms of some devices are planned for and tell nobody' },
      { name: 'places', description: 'Places that report by geography' },
      { name: 'inventory', description: 'Names for devices, sites and cells' },
      { name: 'ledger', description: 'Proof of what was received and what became of it' },
      { name: 'dead letters', description: 'What was refused, and its second try' },
      { name: 'parse', description: 'What a message would become' },
      { name: 'operations', description: 'Health, metrics, schemas; public' },
    ],
  },
}
