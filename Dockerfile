# One image for all programs: the command chooses (app/main.ts, or app/program-main.ts with ingest, processors or query-api).
# Node 24 on Debian: the native modules (lmdb, chdb) need glibc.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# npm install and never npm ci (docs/guides/deploy.md); optional packages hold the native builds and must stay.
RUN npm install --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 DATA_DIR=/data
COPY --from=packages /app/node_modules node_modules
COPY package.json topics.yaml keeping.yaml LICENSE ./
COPY schemas schemas
COPY model model
COPY runtime runtime
COPY ingest ingest
COPY processors processors
COPY query-api query-api
COPY adapters adapters
COPY app app
COPY rules rules
COPY docs docs
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8080
ENTRYPOINT ["node", "--max-semi-space-size=16"]
CMD ["app/main.ts"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.HTTP_LISTEN ?? ':8080').split(':').pop() + '/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
