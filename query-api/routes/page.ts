/** The page at / and its files: a fixed list, held in memory, so that no path of a request ever reaches the disk. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

export type PageFile = { path: string; contentType: string; body: string }

export const pageRoutes: FastifyPluginAsyncTypebox<{ files: readonly PageFile[] }> = async (app, { files }) => {
  for (const { path, contentType, body } of files) {
    app.get(path, { schema: { hide: true } }, (_request, reply) => reply.type(contentType).header('cache-control', 'no-cache').send(body))
  }
}
