"""A client of the API that calls the application in the same process, as a server would."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from heddle.api.app import App

PASSWORD = "correct horse battery staple"


@dataclass(slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends a token if it has one.  `address` is where it calls from."""

    def __init__(self, app: App, token: str = "", address: str = "192.0.2.1") -> None:
        self.app, self.token, self.address = app, token, address
        self.user_id = self.project_id = ""

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        path, _, query = path.partition("?")
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(data)),
            "REMOTE_ADDR": self.address,
            "HTTP_HOST": "api.example:9696",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            **({"HTTP_X_AUTH_TOKEN": self.token} if self.token else {}),
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()},
        }
        seen: list[Any] = []
        chunks = self.app(environ, lambda status, found: seen.extend((status, found)))
        given = {name.lower(): value for name, value in seen[1]}
        assert len(given) == len(seen[1]), f"a header of the answer is there twice: {seen[1]}"
        return Answer(int(seen[0].split()[0]), given, b"".join(chunks))

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Answer:
        return self.call("POST", path, body)

    def log_in(self, user: str, password: str = PASSWORD, project: str = "", **scope: Any) -> Client:
        """A client with a token of the user, for a project of the default domain."""
        answer = self.post("/identity/v3/auth/tokens", password_login(user, password, project, **scope))
        assert answer.status == 201, answer.body
        return self.with_token(answer)

    def with_token(self, answer: Answer) -> Client:
        made = Client(self.app, answer.headers["x-subject-token"], self.address)
        token = answer.json()["token"]
        made.user_id, made.project_id = token["user"]["id"], token.get("project", {}).get("id", "")
        return made


def password_login(user: str, password: str = PASSWORD, project: str = "", **scope: Any) -> dict[str, Any]:
    """The body of a request for a token."""
    domain = {"id": "default"}
    secret = {"user": {"name": user, "domain": domain, "password": password}}
    auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": secret}}
    if project:
        scope = {"project": {"name": project, "domain": domain}}
    if scope:
        auth["scope"] = scope
    return {"auth": auth}


class People:
    """Makes projects and users as the administrator."""

    def __init__(self, app: App) -> None:
        self.admin = Client(app).log_in("admin", project="admin")
        roles = self.admin.get("/identity/v3/roles").json()["roles"]
        self.roles = {role["name"]: role["id"] for role in roles}

    def project(self, name: str) -> str:
        answer = self.admin.post("/identity/v3/projects", {"project": {"name": name}})
        assert answer.status == 201, answer.body
        return str(answer.json()["project"]["id"])

    def user(self, name: str, **grants: str) -> str:
        """A user with roles: role name -> project id."""
        answer = self.admin.post("/identity/v3/users", {"user": {"name": name, "password": PASSWORD}})
        assert answer.status == 201, answer.body
        id = str(answer.json()["user"]["id"])
        for role, project_id in grants.items():
            self.grant(id, role, project_id)
        return id

    def grant(self, user_id: str, role: str, project_id: str, method: str = "PUT") -> Answer:
        path = f"/identity/v3/projects/{project_id}/users/{user_id}/roles/{self.roles[role]}"
        answer = self.admin.call(method, path)
        assert answer.status == 204, answer.body
        return answer
