# A request from inside the machine: request.py METHOD URL TOKEN BODY
# Prints the answer's status, and in the next lines its body.
import sys
import urllib.error
import urllib.request

method, url, token, body = sys.argv[1:]
request = urllib.request.Request(url, body.encode() or None, method=method)
request.add_header("Content-Type", "application/json")
if token:
    request.add_header("Authorization", "Bearer " + token)
try:
    answer = urllib.request.urlopen(request, timeout=60)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status)
print(answer.read().decode())
