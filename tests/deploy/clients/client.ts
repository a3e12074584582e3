// What a service written in TypeScript does with the generated types: every field below is checked by the compiler.
import createClient from "openapi-fetch";
import type { components, paths } from "./gateway.js";

declare const process: { argv: string[] };

const [url = "", key = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": key } });
const path = { tenant: "acme-dk" };

const one = await client.POST("/v1/tenants/{tenant}/case-deletions", {
  params: { path, header: { "Idempotency-Key": "typescript-1" } },
  body: { execute: true, cases: [{ caseNumber: "CN10001" }] },
});
const several = await client.POST("/v1/tenants/{tenant}/case-deletions", {
  params: { path },
  body: { execute: true, cases: [{ caseNumber: "CN10002" }, { caseNumber: "NOTFOUND-1" }] },
});
const refused = await client.POST("/v1/tenants/{tenant}/case-deletions", {
  params: { path: { tenant: "no-such-tenant" } },
  body: { execute: true, cases: [{ caseNumber: "CN10001" }] },
});

const operation: components["schemas"]["OperationEnvelope"] | undefined = several.data;
const problem = refused.error;
console.log(JSON.stringify({
  deleted: one.data?.results?.map((result) => result.deleted),
  status: [one.response.status, several.response.status, refused.response.status],
  partial: operation?.status,
  results: operation?.results?.map((result) => [result.status, result.errors[0]?.code ?? null]),
  problem: problem !== undefined && "code" in problem ? problem.code : null,
}));
